#include "dataset/pipeline_json.hpp"
#include "dataset/pipeline_step.hpp"

namespace modr {

Normalizer read_normalizer(const JsonField& document) {
  Normalizer result;
  const auto field = document.find("normalizer");
  if (!field) return result;
  for_each_in_sequence(*field, "normalizers", [&](const JsonField& step) {
    const std::string& type = type_of(step);
    if (type == "NFC") return result.add(UnicodeForm(UnicodeForm::Name::nfc));
    if (type == "NFD") return result.add(UnicodeForm(UnicodeForm::Name::nfd));
    if (type == "NFKC") return result.add(UnicodeForm(UnicodeForm::Name::nfkc));
    if (type == "NFKD") return result.add(UnicodeForm(UnicodeForm::Name::nfkd));
    if (type == "Prepend") return result.add(Prepend{step.at("prepend").string()});
    if (type == "Replace") return result.add(read_replace(step));
    unsupported(step, "NFC, NFD, NFKC, NFKD, Prepend, Replace or a Sequence of them");
  });
  return result;
}

}  // namespace modr
