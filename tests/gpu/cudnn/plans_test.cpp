// The plans that cuDNN makes for attention, compiled for an H200 that need not be here: its driver is driver.cpp, and
// what cudnn-frontend asks the runtime is answered below (the linker's --wrap). Nothing runs.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/cuda/fused_attention.hpp"

#define MODR_WRAPPED(name) MODR_WRAPPED_AS(name)
#define MODR_WRAPPED_AS(name) __wrap_##name
extern "C" cudaError_t __wrap_cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
extern "C" cudaError_t MODR_WRAPPED(cudaGetDeviceProperties)(cudaDeviceProp* properties, int) {
  *properties = {};
  properties->major = 9;
  properties->multiProcessorCount = 132;
  return cudaSuccess;
}

namespace modr::kernels {
namespace {

// As cuDNN writes it.
const std::string h200 = R"({"schemaVersion": 0, "cudaDeviceId": 0, "deviceName": "NVIDIA H200", "deviceVer": 900,
  "driverVer": 13000, "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
  "regsPerBlock": 65536, "multiProcessorCount": 132, "warpSize": 32, "maxSharedMemoryPerBlock": 49152,
  "maxSharedMemoryPerBlockOptin": 232448, "reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536,
  "maxCtasPerSM": 32, "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "pciDeviceId": 0, "isTccDriver": 0,
  "supportCoopLaunch": 1, "totalGlobalMem": 150000000000, "smClockRateKHz": 1980000, "memClockRateKHz": 3201000,
  "l2CacheSize": 52428800})";

struct Case {
  const char* name;
  int64_t sequences, longest, heads, head_dim;
  int64_t calls;  // backward, of all of it

  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
};

AttentionShape shape_of(const Case& c) {
  return {nullptr, c.sequences, c.heads, c.head_dim, c.sequences * c.longest, c.longest};
}

class CudnnPlans : public testing::TestWithParam<Case> {};

TEST_P(CudnnPlans, AreMadeAndNeedWhatWasPredicted) {
  const AttentionShape shape = shape_of(GetParam());
  for (bool backward : {false, true}) {
    const FusedShape call = fused_calls(shape, backward);
    const FusedOffer made = plan_fused_attention(h200, call);
    ASSERT_NE(made.plan, nullptr) << made.refusal;
    const auto bytes = static_cast<double>(made.plan->workspace());
    printf("%s: %s, %ld sequences of %ld, %ld heads of %ld: workspace %.2f MB\n", backward ? "backward" : "forward",
           made.plan->name().c_str(), long(call.sequences), long(call.longest), long(call.heads), long(call.head_dim),
           bytes / 1e6);
    EXPECT_LE(made.plan->workspace(), fused_workspace(call));
    EXPECT_GE(bytes, backward ? 0.9 * static_cast<double>(fused_workspace(call)) - 65536 : 0);
    if (!backward) continue;
    const int64_t calls = (shape.sequences + call.sequences - 1) / call.sequences * (shape.heads / call.heads);
    EXPECT_EQ(calls, GetParam().calls);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, CudnnPlans,
                         testing::Values(Case{"Huginn", 4, 1024, 55, 96, 1}, Case{"HuginnOneRow", 1, 1024, 55, 96, 1},
                                         Case{"HuginnDocuments", 37, 700, 55, 96, 10},
                                         Case{"HuginnLong", 1, 4096, 55, 96, 5}, Case{"Narrow", 3, 40, 4, 16, 1},
                                         Case{"Of64", 8, 512, 16, 64, 1}, Case{"Of128", 2, 2048, 32, 128, 1},
                                         Case{"Of256", 2, 256, 8, 256, 1}),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(CudnnPlan, SaysWhyThereIsNone) {
  const FusedOffer odd = plan_fused_attention(h200, {true, 1, 128, 2, 2, 7});
  EXPECT_EQ(odd.plan, nullptr);
  EXPECT_NE(odd.refusal.find("multiple of 8"), std::string::npos) << odd.refusal;
  const FusedOffer nowhere = plan_fused_attention("{}", {true, 1, 128, 2, 2, 64});
  EXPECT_EQ(nowhere.plan, nullptr);
  EXPECT_NE(nowhere.refusal.find("description"), std::string::npos) << nowhere.refusal;
}

}  // namespace
}  // namespace modr::kernels
