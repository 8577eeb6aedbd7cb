#include "tools/bench/model.hpp"

#include <charconv>

#include "tools/bench/options.hpp"
#include "tools/cli/device_choice.hpp"

namespace modr::tools {

namespace po = boost::program_options;

namespace {

// "2+4+2"
void parse_layers(const std::string& text, BenchModel& model) {
  int64_t* const counts[] = {&model.prelude, &model.core, &model.coda};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int64_t* count : counts) {
    const auto [next, error] = std::from_chars(at, end, *count);
    const bool is_last = count == counts[2];
    if (error != std::errc() || *count < 1 || (is_last ? next != end : next == end || *next != '+'))
      throw UsageError(fmt::format("--layers: expected PRELUDE+CORE+CODA such as 2+4+2, found '{}'", text));
    at = next + 1;
  }
}

// Values of a block's weights: Wqkv 3 E^2, proj E^2, fc 2 E F, proj E F.
double block_weights(const ModelConfig& c) {
  const auto e = static_cast<double>(c.n_embd), f = static_cast<double>(c.intermediate_size);
  return 4 * e * e + 3 * e * f;
}

// Values of one branch's adapters in a core block: R (in + out) a target.
double adapter_weights(const ModelConfig& c) {
  if (c.branches.n_branches == 0) return 0;
  const auto e = static_cast<double>(c.n_embd), f = static_cast<double>(c.intermediate_size);
  double sum = 0;
  for (const std::string& target : c.branches.lora_targets)
    sum += target == "attn.Wqkv" ? 4 * e : target == "attn.proj" ? 2 * e : target == "mlp.fc" ? e + 2 * f : f + e;
  return sum * static_cast<double>(c.branches.lora_rank);
}

}  // namespace

void BenchModel::add_to(CommandLine& line) {
  auto add = line.option();
  add("n-embd", positive_value("n-embd", n_embd), "width E");
  add("n-heads", positive_value("n-heads", n_heads), "heads H");
  add("intermediate-size", positive_value("intermediate-size", intermediate_size), "width F of the MLP");
  add("vocab-size", positive_value("vocab-size", vocab_size), "tokens of the vocabulary V; embeddings are tied");
  auto* layers = po::value<std::string>()->value_name("P+L+C");
  layers->default_value(fmt::format("{}+{}+{}", prelude, core, coda));
  layers->notifier([this](const std::string& value) { parse_layers(value, *this); });
  add("layers", layers, "layers of prelude, core and coda");
  add("dtype", dtype_value(dtype), "f32 or bf16, of activations and products");
  add("product-size", count_value("product-size", product_size),
      "of the square product that rates are held against; 0: 1024, on a GPU 8192");
  add("device", po::value<std::string>()->value_name("DEVICE")->notifier([this](const std::string& name) {
    device = choose_device(name);
  }),
      device_names);
}

ModelConfig BenchModel::config(int64_t block_size) const {
  ModelConfig model;
  model.n_embd = n_embd;
  model.n_heads = n_heads;
  model.intermediate_size = intermediate_size;
  model.vocab_size = vocab_size;
  model.n_layers_in_prelude = prelude;
  model.n_layers_in_recurrent_block = core;
  model.n_layers_in_coda = coda;
  model.block_size = block_size;
  try {
    model.validate();
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
  return model;
}

std::string BenchModel::text() const {
  return fmt::format("E {}, H {}, F {}, V {}, layers {}+{}+{}, {}", n_embd, n_heads, intermediate_size, vocab_size,
                     prelude, core, coda, name_of(dtype));
}

// Forward of a row: 2 operations for each value of a weight it meets, and in attention 2 E for each token it sees, for
// the scores and again for their sum: (S + 1) / 2 tokens in the mean. Backward: for what is frozen the input's gradient
// (as much as forward), for what trains the weight's too; attention has no weights but two inputs a product. A step
// over a frozen backbone needs no gradient before the first adapter, nor any of the first state.
StepOperations count_operations(const ModelConfig& c, int64_t sequences, int64_t seq_len, const Depth& depth,
                                Trainable trainable) {
  const auto e = static_cast<double>(c.n_embd), rows = static_cast<double>(sequences * seq_len);
  const auto n = static_cast<double>(depth.num_steps_no_grad), k = static_cast<double>(depth.num_steps_with_grad);
  const double layers = static_cast<double>(c.n_layers_in_recurrent_block);
  const double coda_layers = static_cast<double>(c.n_layers_in_coda);
  const double ends = static_cast<double>(c.n_layers_in_prelude) + coda_layers;
  const double product = 2 * rows * block_weights(c), low_rank = 2 * rows * adapter_weights(c);
  const double attention = 2 * rows * e * static_cast<double>(seq_len + 1);
  const double half_adapter = 2 * rows * e * e, head = 2 * rows * e * static_cast<double>(c.vocab_size);
  const double recurrence = layers * (product + low_rank + attention) + half_adapter;

  StepOperations count;
  count.no_grad = n * recurrence;
  count.with_grad = ends * (product + attention) + half_adapter + k * recurrence + head;
  if (trainable == Trainable::all) {
    count.head_gradients = 2 * head;
    count.backward = 2 * (count.with_grad - head) - half_adapter;
  } else {
    const double core = layers * (product + 2 * (low_rank + attention));
    count.head_gradients = head;
    count.backward = k * core + (k - 1) * half_adapter - 3 * half_adapter +  // Wqkv of the first layer
                     coda_layers * (product + 2 * attention);
  }
  return count;
}

PassWeights count_pass_weights(const ModelConfig& c) {
  const auto block = static_cast<int64_t>(block_weights(c));
  const int64_t half_adapter = c.n_embd * c.n_embd;
  return {(c.n_layers_in_prelude + c.n_layers_in_coda) * block + half_adapter + c.vocab_size * c.n_embd,
          c.n_layers_in_recurrent_block * block + half_adapter};
}

}  // namespace modr::tools
