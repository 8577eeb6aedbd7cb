#include "dataset/normalizer.hpp"

namespace modr {
namespace {

std::string changed_by(const UnicodeForm& form, std::string_view text) { return form.normalized(text); }

std::string changed_by(const Prepend& prepend, std::string_view text) {
  return text.empty() ? std::string() : prepend.text + std::string(text);
}

std::string changed_by(const Replace& replace, std::string_view text) { return replace.replaced(text); }

}  // namespace

std::string Replace::replaced(std::string_view text) const {
  std::string result;
  if (text.empty()) return result;  // not even an empty match is looked for
  std::size_t done = 0;
  regex.for_each_match(text, [&](std::size_t begin, std::size_t end) {
    result.append(text.substr(done, begin - done)).append(content);
    done = end;
  });
  return result.append(text.substr(done));
}

std::string Normalizer::normalized(std::string_view text) const {
  std::string result(text);
  for (const Step& step : steps_) {
    result = std::visit([&](const auto& known) { return changed_by(known, result); }, step);
  }
  return result;
}

}  // namespace modr
