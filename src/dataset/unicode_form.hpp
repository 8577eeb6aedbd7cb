#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace modr {

/// One of Unicode's normalization forms, as Hugging Face's tokenizers have it: with the data of Unicode 9.0, so that
/// characters assigned later stay as and where they are. (A form never changes for characters once assigned, so the
/// installed ICU's version does not matter.) Immutable.
class UnicodeForm {
 public:
  enum class Name { nfc, nfd, nfkc, nfkd };

  /// Throws Error when ICU's data cannot be loaded.
  explicit UnicodeForm(Name name);

  /// `text` must be well-formed UTF-8 of at most 2 GiB (Error beyond).
  std::string normalized(std::string_view text) const;

 private:
  struct Normalizer;
  std::shared_ptr<const Normalizer> normalizer_;
};

}  // namespace modr
