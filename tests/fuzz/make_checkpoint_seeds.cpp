// Writes small checkpoints for the fuzzer to begin with: make_checkpoint_seeds FOLDER. They are made anew, not kept, so
// that they are always of the layout that this version writes.
#include <cstdio>
#include <filesystem>

#include "checkpoint/checkpoint.hpp"
#include "tensor/tensor.hpp"

namespace {

using namespace modr;

constexpr const char* config = R"(name: seed
seed: 3
model: {n_embd: 4, n_heads: 2, intermediate_size: 6, vocab_size: 9, branches: {n_branches: 2, lora_alpha: 4}}
data: {train: [a.jsonl]}
)";

CheckpointInfo info_of(const char* mode) {
  CheckpointInfo info;
  info.step = 7;
  info.seed = 3;
  info.samples_consumed = 28;
  info.optimizer_step = 7;
  info.mode = mode;
  info.config = config;
  return info;
}

CheckpointWeight weight(const char* name, const Shape& shape, DType dtype, bool trainable) {
  return {name, Tensor::full(shape, dtype, 0.25), trainable};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_checkpoint_seeds FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  save_checkpoint(folder / "good_small.h5", info_of("pretrain"),
                  {weight("transformer.wte.weight", {9, 4}, DType::f32, true)}, {});
  const Shape a{2, 2, 4}, b{2, 8, 2};
  save_checkpoint(folder / "good_branches.h5", info_of("modr"),
                  {weight("transformer.core_block.0.mlp.fc.lora_A", a, DType::f32, true),
                   weight("transformer.core_block.0.mlp.fc.lora_B", b, DType::f32, true),
                   weight("transformer.router.bias", {2}, DType::f32, false),
                   weight("transformer.router.weight", {2, 4}, DType::f64, true)},
                  {{"exp_avg/transformer.core_block.0.mlp.fc.lora_A", Tensor::full(a, DType::f32, 0.5)},
                   {"exp_avg_sq/transformer.core_block.0.mlp.fc.lora_A", Tensor::full(a, DType::f64, 0.5)}});
  return 0;
}
