// A target as libFuzzer calls it.
#include <cstddef>
#include <cstdint>

#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  modr::fuzz::refusal({reinterpret_cast<const char*>(data), size});
  return 0;
}
