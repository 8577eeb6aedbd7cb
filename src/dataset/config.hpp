#pragma once
// What a run reads as training data and how it becomes batches of tokens.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace modr {

/// What a file's records look like (see data/README.md); `automatic` looks at the first record.
enum class DataFormat { automatic, gsm8k, llm_adapters, aqua };
/// How a problem becomes text: `plain` is "question\nanswer"; `chat` is the tokenizer's chat format.
enum class PromptStyle { plain, chat };
/// Which tokens are targets: the whole text, or the answer and its end token only.
enum class LossOn { all, answer };
/// How examples fill rows: one example a row, or whole examples one after the other up to max_seq_len, each with its
/// own attention, positions and, by unit sequence, route.
enum class Packing { none, pack };

/// The words that stand for the enums in configs ("auto" for DataFormat::automatic).
std::string_view name_of(DataFormat format);
std::string_view name_of(PromptStyle style);
std::string_view name_of(LossOn loss_on);
std::string_view name_of(Packing packing);

/// The inverses of name_of(); each throws Error that lists the words it knows.
DataFormat parse_data_format(std::string_view name);
PromptStyle parse_prompt_style(std::string_view name);
LossOn parse_loss_on(std::string_view name);
Packing parse_packing(std::string_view name);

struct DatasetConfig {
  std::vector<std::string> train;  ///< files of training problems, read in this order
  DataFormat format = DataFormat::automatic;
  std::string tokenizer = {};  ///< a Hugging Face tokenizer.json; empty: the 256 bytes and a few special tokens
  PromptStyle prompt = PromptStyle::plain;
  LossOn loss_on = LossOn::all;
  Packing packing = Packing::none;
  int64_t max_seq_len = 256;  ///< tokens a row; longer examples are cut, and counted
  int64_t pad_multiple = 8;   ///< rows of `packing: none` are padded to the batch's longest, rounded up to this

  /// Throws Error that names the field, what was found and what is expected.
  void validate() const;
};

}  // namespace modr
