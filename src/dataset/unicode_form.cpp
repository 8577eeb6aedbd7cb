#include "dataset/unicode_form.hpp"

#include <unicode/bytestream.h>
#include <unicode/errorcode.h>
#include <unicode/normalizer2.h>
#include <unicode/uniset.h>
#include <unicode/unistr.h>

#include <limits>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace modr {
namespace {

class Status : public icu::ErrorCode {
 public:
  void check(const char* what) const {
    if (isFailure()) fail("ICU: {}: {}", what, errorName());
  }
};

const icu::Normalizer2& newest(UnicodeForm::Name name) {
  Status status;
  const icu::Normalizer2* form = nullptr;
  switch (name) {
    case UnicodeForm::Name::nfc: form = icu::Normalizer2::getNFCInstance(status); break;
    case UnicodeForm::Name::nfd: form = icu::Normalizer2::getNFDInstance(status); break;
    case UnicodeForm::Name::nfkc: form = icu::Normalizer2::getNFKCInstance(status); break;
    case UnicodeForm::Name::nfkd: form = icu::Normalizer2::getNFKDInstance(status); break;
  }
  status.check("cannot load the normalization form");
  MODR_CHECK(form != nullptr, "no normalization form");
  return *form;
}

icu::UnicodeSet assigned_in_9() {
  Status status;
  icu::UnicodeSet set(icu::UnicodeString(u"[:age=9.0:]"), status);
  status.check("cannot read [:age=9.0:]");
  set.freeze();
  return set;
}

}  // namespace

struct UnicodeForm::Normalizer {
  explicit Normalizer(Name name) : form(newest(name), assigned) {}
  icu::UnicodeSet assigned = assigned_in_9();
  icu::FilteredNormalizer2 form;  // refers to `assigned`
};

UnicodeForm::UnicodeForm(Name name) : normalizer_(std::make_shared<const Normalizer>(name)) {}

std::string UnicodeForm::normalized(std::string_view text) const {
  if (ascii_prefix(text) == text.size()) return std::string(text);
  MODR_CHECK(text.size() <= static_cast<std::size_t>(std::numeric_limits<int32_t>::max()),
             "a text of {} bytes is too long for the tokenizer's normalizer", text.size());
  std::string result;
  icu::StringByteSink<std::string> sink(&result, static_cast<int32_t>(text.size()));
  Status status;
  const icu::StringPiece piece(text.data(), static_cast<int32_t>(text.size()));
  normalizer_->form.normalizeUTF8(0, piece, sink, nullptr, status);
  status.check("cannot normalize a text");
  return result;
}

}  // namespace modr
