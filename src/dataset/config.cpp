#include "dataset/config.hpp"

#include "base/error.hpp"
#include "base/named_value.hpp"

namespace modr {

namespace {

constexpr NamedValue<DataFormat> kFormats[] = {{"auto", DataFormat::automatic},
                                          {"gsm8k", DataFormat::gsm8k},
                                          {"llm_adapters", DataFormat::llm_adapters},
                                          {"aqua", DataFormat::aqua}};
constexpr NamedValue<PromptStyle> kPromptStyles[] = {{"plain", PromptStyle::plain}, {"chat", PromptStyle::chat}};
constexpr NamedValue<LossOn> kLossOn[] = {{"all", LossOn::all}, {"answer", LossOn::answer}};
constexpr NamedValue<Packing> kPackings[] = {{"none", Packing::none}, {"pack", Packing::pack}};

}  // namespace

std::string_view name_of(DataFormat format) { return find_name(kFormats, format); }
std::string_view name_of(PromptStyle style) { return find_name(kPromptStyles, style); }
std::string_view name_of(LossOn loss_on) { return find_name(kLossOn, loss_on); }
std::string_view name_of(Packing packing) { return find_name(kPackings, packing); }

DataFormat parse_data_format(std::string_view name) { return find_value(kFormats, "format", name); }
PromptStyle parse_prompt_style(std::string_view name) { return find_value(kPromptStyles, "prompt", name); }
LossOn parse_loss_on(std::string_view name) { return find_value(kLossOn, "loss_on", name); }
Packing parse_packing(std::string_view name) { return find_value(kPackings, "packing", name); }

void DatasetConfig::validate() const {
  if (train.empty()) fail("data.train: expected at least one file, found none");
  for (std::size_t i = 0; i < train.size(); ++i)
    if (train[i].empty()) fail("data.train[{}]: expected a file's path, found an empty text", i);
  if (max_seq_len < 2) fail("data.max_seq_len: expected at least 2, found {}", max_seq_len);
  if (pad_multiple < 1) fail("data.pad_multiple: expected at least 1, found {}", pad_multiple);
}

}  // namespace modr
