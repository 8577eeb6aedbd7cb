#pragma once
// Sets of characters by name, of the one version of Unicode that unicode_tables.py names, whatever libraries are
// installed.
#include <optional>
#include <string>
#include <string_view>

#include "dataset/code_point_set.hpp"

namespace modr {

/// A property's name in the form in which equal names are equal texts: lower case, without '_', '-' and spaces.
std::string property_key(std::string_view name);

/// The characters of a general category ("Lu", "L", "Letter"), a script ("Han", "Hani": the script, not its
/// extensions) or a property ("Alphabetic", "Emoji"), by any spelling with the same property_key(). nullopt for other
/// names.
std::optional<CodePointSet> unicode_property(std::string_view name);

/// For names that the caller writes: throws Error for one that unicode_property() does not know.
CodePointSet known_property(std::string_view name);

/// `set` and the characters that differ from one of its own in case alone, one by one (ß is not ss).
CodePointSet close_over_case(const CodePointSet& set);

/// The first of those that equal `c` one by one.
char32_t fold_case(char32_t c);

/// Whether a text, of whose characters `folded` is the fold_case(), ends with one that equals several others but for
/// its case (ß), or with several that equal one (ss).
bool ends_with_long_folding(std::u32string_view folded);

}  // namespace modr
