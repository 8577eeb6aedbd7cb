#pragma once
#include <sys/resource.h>

#include <csignal>
#include <cstddef>

namespace modr {

/// While this lives no file of this process can grow beyond `bytes`: writes fail as on a full disk (with EFBIG), which
/// needs neither root nor a small file system.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::size_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_limit_);
    rlimit limit = old_limit_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_limit_);
    std::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  using Handler = void (*)(int);
  Handler old_handler_;
  rlimit old_limit_{};
};

}  // namespace modr
