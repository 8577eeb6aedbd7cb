#pragma once
#include <string_view>

#include "base/device.hpp"

namespace modr::tools {

/// What is written after --device.
inline constexpr const char* device_names = "cpu, cuda, cuda:N or auto (a GPU where there is one)";

/// The device that is meant by cpu, cuda, cuda:N or auto: `cuda` is the GPU of this process's place on its host (see
/// detect_launch()), round the host's GPUs where there are fewer. Throws UsageError for another name, and Error where
/// there is no such GPU.
Device choose_device(std::string_view name);

}  // namespace modr::tools
