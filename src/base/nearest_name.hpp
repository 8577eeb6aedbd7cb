#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace modr {

/// The candidate that a mistyped `name` most likely means: the nearest by edits (insert, delete, replace, swap two
/// neighbours), if no more than a third of the longer name differs; nothing otherwise. Ties: the first.
std::optional<std::string> nearest_name(std::string_view name, std::span<const std::string> candidates);

/// "; did you mean 'n_heads'?" for a sentence that names the mistyped one, or "".
std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

}  // namespace modr
