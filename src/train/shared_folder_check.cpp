#include "train/shared_folder_check.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <string>
#include <system_error>
#include <thread>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "comm/agree.hpp"
#include "comm/launcher.hpp"

namespace modr {

namespace fs = std::filesystem;

namespace {

// 0, or the error number.
int try_to_open(const fs::path& file, int flags) {
  const int descriptor = ::open(file.c_str(), flags | O_WRONLY | O_CLOEXEC, 0666);
  if (descriptor < 0) return errno;
  ::close(descriptor);
  return 0;
}

// The root's file, for as long as this lives.
class Token {
 public:
  void make(const fs::path& folder, const std::string& name) {
    make_folder(folder);
    if (const int number = try_to_open(folder / name, O_CREAT | O_EXCL))
      fail("{}: cannot be written: {}", folder.string(), std::strerror(number));
    file_ = folder / name;
  }
  ~Token() {
    std::error_code ignored;
    if (!file_.empty()) fs::remove(file_, ignored);
  }

 private:
  fs::path file_;
};

void look_for(const fs::path& folder, const std::string& name, const std::string& roots_host, double patience_s) {
  const Stopwatch watch;
  int number = try_to_open(folder / name, 0);
  while (number == ENOENT && watch.seconds() < patience_s) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    number = try_to_open(folder / name, 0);
  }
  if (number == ENOENT)
    fail("{}: host {} does not see what rank 0 has written there on host {}: expected a folder that all hosts share",
         folder.string(), host_name(), roots_host);
  if (number != 0) fail("{}: cannot be written on host {}: {}", folder.string(), host_name(), std::strerror(number));
}

}  // namespace

void check_all_see(const Communicator& comm, const fs::path& run_folder, double patience_s) {
  Token token;
  std::string name, host;
  run_agreed(comm, [&] {
    if (!comm.is_root()) return;
    std::random_device random;
    name = fmt::format(".seen-by-all-{:08x}{:08x}", random(), random());
    host = host_name();
    token.make(run_folder, name);
  });
  comm.broadcast(name, 0);
  comm.broadcast(host, 0);
  run_agreed(comm, [&] { look_for(run_folder, name, host, patience_s); });
}

}  // namespace modr
