#include "checkpoint/durable_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/files.hpp"

namespace modr {

namespace fs = std::filesystem;

namespace {

// A rename is on the disk once its folder is.
void flush_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail_errno(folder, "cannot be opened");
  const bool flushed = ::fsync(descriptor) == 0 || errno == EINVAL;  // EINVAL: a file system that has no such thing
  const int error = errno;
  ::close(descriptor);
  errno = error;
  if (!flushed) fail_errno(folder, "cannot be flushed to the disk");
}

}  // namespace

DurableFile::DurableFile(fs::path path) : path_(std::move(path)), temporary_(temporary_of(path_)) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_errno(path_, "cannot be written");
}

DurableFile::~DurableFile() {
  ::close(descriptor_);
  std::error_code ignored;
  if (!committed_) fs::remove(temporary_, ignored);
}

void DurableFile::commit() {
  if (::fsync(descriptor_) < 0) fail_errno(path_, "cannot be flushed to the disk");
  if (::rename(temporary_.c_str(), path_.c_str()) < 0) fail_errno(path_, "cannot be given its name");
  committed_ = true;
  flush_folder(path_.has_parent_path() ? path_.parent_path() : ".");
}

void DurableFile::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor_, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_errno(path_, "cannot be written");
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace modr
