// Stands in for plan.cpp where there are no headers of cuDNN or cudnn-frontend, and on the emulated device.
#include "kernels/cuda/fused_attention_plan.hpp"

namespace modr::kernels {

bool has_fused_attention() { return false; }
FusedOffer plan_fused_attention(Cuda, const FusedShape&) { return {nullptr, "built without cuDNN"}; }
FusedOffer plan_fused_attention(const std::string&, const FusedShape&) { return {nullptr, "built without cuDNN"}; }

}  // namespace modr::kernels
