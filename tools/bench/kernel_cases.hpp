#pragma once
// The ops that `modr bench kernels` measures.
#include <functional>
#include <string>
#include <vector>

#include "tools/bench/model.hpp"

namespace modr::tools {

struct KernelShapes {
  BenchModel model;
  int64_t sequences = 2, seq_len = 1024, lora_rank = 16;
  int64_t rows() const { return sequences * seq_len; }
};

struct KernelCase {
  std::string op, shape;
  double bytes = 0;       ///< that have to be read and written at least once
  double operations = 0;  ///< of products; 0 where there are none
  /// Gets ready, e.g. runs forward for a case of backward, and returns what is measured.
  std::function<std::function<void()>()> prepare;
};

std::vector<KernelCase> kernel_cases(const KernelShapes& shapes);

}  // namespace modr::tools
