#include "tools/verify/golden_file.hpp"

#include <limits>

#include "base/error.hpp"
#include "base/text.hpp"

namespace modr::tools {

namespace {

int32_t narrowed(int64_t value, const std::string& what) {
  if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max())
    fail("{}: {} is not a token id", what, value);
  return static_cast<int32_t>(value);
}

}  // namespace

GoldenFile::GoldenFile(const std::filesystem::path& path) : file_(H5File::open(path)) {
  if (!file_.has("weights") || !file_.has_attribute("", "n_embd"))
    fail("{}: expected a golden file (a group 'weights' and the configuration as root attributes)", path.string());
}

ModelConfig GoldenFile::model_config() const {
  ModelConfig config;
  config.n_embd = integer("n_embd");
  config.n_heads = integer("n_heads");
  config.intermediate_size = integer("intermediate_size");
  config.vocab_size = integer("vocab_size");
  config.n_layers_in_prelude = integer("n_layers_in_prelude");
  config.n_layers_in_recurrent_block = integer("n_layers_in_recurrent_block");
  config.n_layers_in_coda = integer("n_layers_in_coda");
  config.block_size = integer("block_size");
  config.qk_bias = file_.has("weights/transformer.prelude.0.attn.qk_bias") ||
                   file_.has("weights/transformer.core_block.0.attn.qk_bias");
  config.tie_embeddings = integer("tie_embeddings") != 0;
  config.mean_recurrence = integer("mean_recurrence");
  config.mean_backprop_depth = integer("mean_backprop_depth");
  config.norm_eps = file_.attribute_double("", "norm_eps");
  config.rope_base = file_.attribute_double("", "rope_base");
  config.emb_scale = file_.attribute_double("", "emb_scale");
  config.state_init_std = file_.attribute_double("", "state_init_std");
  if (!has_branches()) return config;
  BranchConfig& branches = config.branches;
  branches.n_branches = integer("n_branches");
  branches.lora_rank = integer("lora_rank");
  branches.lora_alpha = file_.attribute_double("", "lora_alpha");
  const std::string targets = text("lora_targets");
  const std::vector<std::string_view> names = split(targets, ',');
  branches.lora_targets.assign(names.begin(), names.end());
  branches.unit = parse_route_unit(text("route_unit"));
  branches.when = parse_route_when(text("route_when"));
  branches.score = parse_route_score(text("route_score"));
  branches.top_k = integer("route_top_k");
  branches.gate = parse_gate(text("route_gate"));
  branches.bias_update_rate = file_.attribute_double("", "bias_update_rate");
  return config;
}

Depth GoldenFile::depth() const { return {integer("num_steps_no_grad"), integer("num_steps_with_grad")}; }

Trainable GoldenFile::trainable() const {
  if (!has_branches()) return Trainable::all;
  const std::string trainable = text("trainable");
  if (trainable != "all" && trainable != "lora+router")
    fail("{}: trainable: expected all or lora+router, found '{}'", file_.path().string(), trainable);
  return trainable == "all" ? Trainable::all : Trainable::branches;
}

std::unique_ptr<ModrModel> GoldenFile::model(TensorType type) const {
  auto model = std::make_unique<ModrModel>(model_config(), type, trainable());
  for (const Parameter& parameter : model->parameters())
    file_.read_into(input("weights/" + parameter.name), parameter.variable.value());
  if (model->core().router()) file_.read_into(input("weights/transformer.router.bias"), model->router_bias());
  model->set_rope_table(tensor("buffers/freqs_cis", {DType::f32, type.device}).view_as(model->rope_table().shape()));
  return model;
}

Indices GoldenFile::ids(const std::string& dataset) const {
  std::vector<int32_t> ids;
  for (int64_t id : file_.read_ints(input(dataset))) ids.push_back(narrowed(id, dataset));
  return make_indices(std::move(ids));
}

Tensor GoldenFile::tensor(const std::string& dataset, TensorType type) const {
  return file_.read_tensor(input(dataset), type.dtype).to(type.device);
}

TokenBatch GoldenFile::batch() const {
  const Shape shape = file_.dataset_shape("input_ids");
  TokenBatch batch{shape[0], shape[1], ids("input_ids"), ids("labels"), nullptr};
  if (const int64_t ignored = integer("ignore_index"); ignored != -100)
    fail("ignore_index: expected -100, found {}", ignored);
  if (!file_.has("padding_mask")) return batch;
  std::vector<uint8_t> mask;
  for (int64_t real : file_.read_ints(input("padding_mask"))) mask.push_back(real != 0 ? 1 : 0);
  batch.mask = make_mask(std::move(mask));
  return batch;
}

}  // namespace modr::tools
