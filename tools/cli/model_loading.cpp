#include "tools/cli/model_loading.hpp"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "checkpoint/checkpoint_folder.hpp"
#include "comm/agree.hpp"
#include "tools/cli/device_choice.hpp"
#include "train/training_checkpoint.hpp"

namespace modr::tools {

namespace {

namespace fs = std::filesystem;

Tokenizer load_tokenizer(const fs::path& checkpoint, const std::string& named_by_config, const std::string& given) {
  if (!given.empty()) return Tokenizer::load(given);
  if (named_by_config.empty()) return Tokenizer::bytes();
  std::error_code ignored;
  if (!fs::exists(named_by_config, ignored)) {
    fail("{}: its tokenizer {} is not there any more: name one with --tokenizer FILE", checkpoint.string(),
         named_by_config);
  }
  return Tokenizer::load(named_by_config);
}

// A tensor that the model would leave out means that the config is not the one the weights were trained with.
void check_no_other_weights(const CheckpointReader& reader, const ModrModel& model) {
  std::set<std::string> known{router_bias_name};
  for (const Parameter& parameter : model.parameters()) known.insert(parameter.name);
  for (const std::string& name : reader.weight_names()) {
    if (!known.contains(name)) fail("{}: has the weight {}, which its config has not", reader.path().string(), name);
  }
}

}  // namespace

std::string agreed_checkpoint(const Communicator& world, const fs::path& path) {
  return root_decides(world, [&] { return checkpoint_file(path).string(); });
}

LoadedModel load_model(const fs::path& checkpoint, const LoadOptions& options, const Communicator& branch_group) {
  const CheckpointReader reader(checkpoint_file(checkpoint));
  const std::string file = reader.path().string();
  RunConfig config = parse_run_config(reader.info().config, file + ": config");
  Tokenizer loaded = load_tokenizer(file, config.data.tokenizer, options.tokenizer);
  if (loaded.vocab_size() > config.model.vocab_size) {
    fail("{}: the tokenizer {} has {} ids, more than the model's vocab_size {}", file,
         !options.tokenizer.empty() ? options.tokenizer : config.data.tokenizer, loaded.vocab_size(),
         config.model.vocab_size);
  }
  std::shared_ptr<const ExchangeDispatcher> exchange;
  ModelPart part;
  if (branch_group.size() > 1 && config.model.branches.has_router()) {
    exchange = std::make_shared<ExchangeDispatcher>(branch_group, config.model.branches.n_branches, Pace::own);
    part.branches = exchange->branches();
  }
  const TensorType type(options.dtype.value_or(config.train.dtype), choose_device(options.device));
  auto model = std::make_unique<ModrModel>(config.model, type, Trainable::none, part);
  check_no_other_weights(reader, *model);
  load_weights(reader, *model);
  if (exchange) model->core().set_dispatcher(exchange);
  model->pack_weights({false, 1});  // they do not change any more
  return {std::move(config), reader.info(), std::move(model), std::move(loaded), std::move(exchange),
          reader.num_trainable_values()};
}

std::optional<DType> parse_row_dtype(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (text != "f32" && text != "bf16") throw UsageError(fmt::format("--dtype: expected f32 or bf16, found '{}'", text));
  return parse_dtype(text);
}

}  // namespace modr::tools
