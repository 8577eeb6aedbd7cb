#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "support/mpi_world.hpp"
#include "support/temporary_folder.hpp"

namespace modr {

/// One temporary folder for all ranks of an MPI test, which goes when all have done with it.
class SharedFolder {
 public:
  SharedFolder() {
    if (mpi_world().is_root()) folder_ = std::make_unique<TemporaryFolder>();
    if (folder_) path_ = folder_->path().string();
    mpi_world().broadcast(path_, 0);
  }
  ~SharedFolder() { mpi_world().barrier(); }
  std::filesystem::path path() const { return path_; }

 private:
  std::unique_ptr<TemporaryFolder> folder_;
  std::string path_;
};

}  // namespace modr
