#pragma once
#include <string>
#include <string_view>

namespace modr {

/// Rewrites a regular expression of tokenizer.json, which Hugging Face gives to Oniguruma, into one by which PCRE2 (in
/// UTF, UCP and MULTILINE mode) matches the same texts. The two differ in \w \s \b \h \v, in long property names,
/// nested and intersected character classes, {,n}, quantified intervals such as {1,3}+, and the reach of (?i).
/// Throws Error with the position for constructs that have no counterpart or are not known.
/// Source: Oniguruma's doc/RE and doc/SYNTAX.md; classes compared with the tokenizers library over all code points.
/// Not carried over: caseless matches between one and several characters (ß against ss). Characters of a newer Unicode
/// than PCRE2's own (14 in PCRE2 10.42) count as unassigned.
std::string oniguruma_to_pcre2(std::string_view pattern);

}  // namespace modr
