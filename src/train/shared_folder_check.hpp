#pragma once
#include <filesystem>

#include "comm/communicator.hpp"

namespace modr {

/// Collective, to be called when a run starts: whether all ranks can write to the same run's folder, which hosts may
/// have each for itself. The root makes the folder and, for the time of this call, an empty file in it whose name
/// nobody else can have; a rank has `patience_s` seconds to see that, since a network file system may show it late.
/// Throws the same Error on all ranks, with the first rank that cannot, its host and the folder.
void check_all_see(const Communicator& comm, const std::filesystem::path& run_folder, double patience_s = 5);

}  // namespace modr
