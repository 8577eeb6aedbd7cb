#include "kernels/api/decode_product.hpp"

#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

bool makes_rows(Cuda, int64_t, int64_t) { missing(); }

template <typename C>
void decode_product(Cuda, const MadeRows&, const PackedGemm&, const std::byte*, C*) {
  missing();
}
template void decode_product(Cuda, const MadeRows&, const PackedGemm&, const std::byte*, bfloat16*);
template void decode_product(Cuda, const MadeRows&, const PackedGemm&, const std::byte*, float*);

}  // namespace modr::kernels
