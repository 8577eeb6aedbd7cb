#include "base/dtype.hpp"

namespace modr {

DType parse_dtype(std::string_view name) {
  if (name == "f32") return DType::f32;
  if (name == "f64") return DType::f64;
  if (name == "bf16") return DType::bf16;
  fail("unknown dtype '{}': expected f32, f64 or bf16", name);
}

}  // namespace modr
