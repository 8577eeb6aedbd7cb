#include "model/config.hpp"

#include <cmath>
#include <string>

#include "base/error.hpp"
#include "ops/attention.hpp"

namespace modr {

double ModelConfig::embedding_scale() const {
  return emb_scale > 0 ? emb_scale : std::sqrt(static_cast<double>(n_embd));
}

double ModelConfig::init_std() const { return std::sqrt(2.0 / (5.0 * static_cast<double>(n_embd))); }

double ModelConfig::initial_state_std() const { return state_init_std > 0 ? state_init_std : init_std(); }

void ModelConfig::validate() const {
  const auto between = [](const char* field, int64_t value, int64_t low, int64_t high) {
    if (value < low || value > high)
      fail("model.{}: expected a number from {} to {}, found {}", field, low, high, value);
  };
  constexpr int64_t large = 1 << 24;
  between("n_embd", n_embd, 1, large);
  between("n_heads", n_heads, 1, large);
  between("intermediate_size", intermediate_size, 1, large);
  between("vocab_size", vocab_size, 1, large);
  between("n_layers_in_prelude", n_layers_in_prelude, 0, 1000);
  between("n_layers_in_recurrent_block", n_layers_in_recurrent_block, 1, 1000);
  between("n_layers_in_coda", n_layers_in_coda, 0, 1000);
  between("block_size", block_size, 1, large);
  between("mean_recurrence", mean_recurrence, 1, 10000);
  between("mean_backprop_depth", mean_backprop_depth, 1, 10000);
  if (n_embd % n_heads != 0)
    fail("model.n_embd: expected a multiple of n_heads, found {} with {} heads", n_embd, n_heads);
  if (head_dim() % 2 != 0)
    fail("model.n_heads: expected an even head size for the rotary positions, found n_embd / n_heads = {}", head_dim());
  if (head_dim() > ops::max_head_dim)
    fail("model.n_heads: expected a head size of at most {}, found n_embd / n_heads = {}", ops::max_head_dim,
         head_dim());
  const auto positive = [](const char* field, double value) {
    if (!(value > 0)) fail("model.{}: expected a positive number, found {}", field, value);
  };
  positive("norm_eps", norm_eps);
  positive("rope_base", rope_base);
  positive("emb_scale", embedding_scale());
  positive("state_init_std", initial_state_std());
  branches.validate();
}

}  // namespace modr
