#include "dataset/normalizer.hpp"

#include "base/error.hpp"

namespace modr {
namespace {

void check_length(std::size_t length, std::size_t most) {
  if (length > most) fail("the tokenizer's replacements make more than {} bytes of a text", most);
}

std::string changed_by(const UnicodeForm& form, std::string_view text, std::size_t) { return form.normalized(text); }

std::string changed_by(const Prepend& prepend, std::string_view text, std::size_t) {
  return text.empty() ? std::string() : prepend.text + std::string(text);
}

std::string changed_by(const Replace& replace, std::string_view text, std::size_t most) {
  return replace.replaced(text, most);
}

}  // namespace

std::string Replace::replaced(std::string_view text, std::size_t most) const {
  std::string result;
  if (text.empty()) return result;  // not even an empty match is looked for
  std::size_t done = 0;
  regex.for_each_match(text, [&](std::size_t begin, std::size_t end) {
    result.append(text.substr(done, begin - done)).append(content);
    check_length(result.size(), most);
    done = end;
  });
  return result.append(text.substr(done));
}

std::string Normalizer::normalized(std::string_view text) const {
  const std::size_t most = (std::size_t{1} << 26) + 32 * text.size();
  std::string result(text);
  for (const Step& step : steps_) {
    result = std::visit([&](const auto& known) { return changed_by(known, result, most); }, step);
    check_length(result.size(), most);
  }
  return result;
}

}  // namespace modr
