#include "tools/cli/device_choice.hpp"

#include "comm/launcher.hpp"
#include "kernels/api/gpu.hpp"
#include "tools/cli/command_line.hpp"

namespace modr::tools {

Device choose_device(std::string_view name) {
  if (name == "cpu") return cpu_device;
  const int gpus = kernels::gpu_count();
  if (name == "auto" && gpus == 0) return cpu_device;
  Device device{DeviceKind::cuda, static_cast<int16_t>(gpus == 0 ? 0 : detect_launch().place_on_host % gpus)};
  if (name != "auto" && name != "cuda") device = parse_option("device", [&] { return parse_device(name); });
  if (device.is_meta()) throw UsageError(fmt::format("--device: expected {}, found '{}'", device_names, name));
  if (device.is_cuda()) kernels::place_of_gpu(device.index);
  return device;
}

}  // namespace modr::tools
