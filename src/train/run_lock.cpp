#include "train/run_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "comm/launcher.hpp"

namespace modr {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_bytes = 4096;  // of a lock file that is read

std::string environment(const char* name) { return process_environment(name).value_or(""); }

// When the process began, in ticks since the machine did: with it a number that was given again is told apart.
std::string start_of(const std::string& process) {
  std::ifstream file("/proc/" + process + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t behind_name = text.rfind(") ");
  if (behind_name == std::string::npos) return "";
  std::size_t at = behind_name + 1;
  for (int field = 3; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  if (at == std::string::npos) return "";
  return text.substr(at + 1, text.find(' ', at + 1) - at - 1);
}

// Who holds a lock, as "key=value" lines.
using Holder = std::map<std::string, std::string>;

Holder this_process() {
  const std::string process = std::to_string(getpid());
  std::array<char, 32> now{};
  const std::time_t seconds = std::time(nullptr);
  std::tm utc{};
  std::strftime(now.data(), now.size(), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
  return {{"host", host_name()},
          {"process", process},
          {"process_start", start_of(process)},
          {"slurm_job", environment("SLURM_JOB_ID")},
          {"slurm_restart", environment("SLURM_RESTART_COUNT")},
          {"since", now.data()}};
}

std::string text_of(const Holder& holder) {
  std::string text;
  for (const auto& [key, value] : holder) text += fmt::format("{}={}\n", key, value);
  return text;
}

Holder read_holder(int descriptor) {
  std::string text(most_bytes, '\0');
  const ssize_t count = pread(descriptor, text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  Holder holder;
  for (const std::string_view line : split(text, '\n'))
    if (const std::size_t equals = line.find('='); equals != line.npos)
      holder.emplace(line.substr(0, equals), line.substr(equals + 1));
  return holder;
}

std::string describe(Holder& holder) {
  const std::string job = holder["slurm_job"].empty() ? "" : fmt::format(" (Slurm job {})", holder["slurm_job"]);
  return fmt::format("process {} on {}{} since {}", holder["process"], holder["host"], job, holder["since"]);
}

// Whether it is over for sure, judged by what the file says: for file systems that have no locks.
bool has_ended(Holder& holder) {
  if (holder["process"].empty()) return true;
  const std::string job = environment("SLURM_JOB_ID");
  if (!job.empty() && holder["slurm_job"] == job && holder["slurm_restart"] != environment("SLURM_RESTART_COUNT"))
    return true;  // we are that job, started again
  if (holder["host"] != host_name()) return false;
  return start_of(holder["process"]) != holder["process_start"] || holder["process_start"].empty();
}

enum class Try { taken, held, no_locks };

Try try_lock(int descriptor) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (fcntl(descriptor, F_OFD_SETLK, &whole) == 0) return Try::taken;
  return errno == EAGAIN || errno == EACCES ? Try::held : Try::no_locks;
}

// Opens the file and takes it; one that its holder has removed meanwhile is opened anew.
Try open_and_lock(const fs::path& path, int& descriptor) {
  while (true) {
    descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) fail_errno(path, "cannot be written");
    const Try result = try_lock(descriptor);
    struct stat status {};
    if (fstat(descriptor, &status) == 0 && status.st_nlink > 0) return result;
    ::close(descriptor);
  }
}

}  // namespace

RunLock::RunLock(fs::path folder) : folder_(std::move(folder)), path_(folder_ / "lock") {
  made_folder_ = make_folder(folder_);
  const Try result = open_and_lock(path_, descriptor_);
  Holder before = read_holder(descriptor_);
  if (result == Try::held || (result == Try::no_locks && !has_ended(before))) {
    ::close(descriptor_);
    fail("{}: another job has this run: {}; wait for its end, or take another train.output{}", folder_.string(),
         describe(before),
         result == Try::held ? "" : fmt::format(" (when it is gone, remove {})", path_.string()));
  }
  if (!before["process"].empty())
    log("{}: {} has left this run without an end, going on", folder_.string(), describe(before));
  const std::string text = text_of(this_process());
  if (ftruncate(descriptor_, 0) != 0 || pwrite(descriptor_, text.data(), text.size(), 0) != std::ssize(text)) {
    const int why = errno;
    ::close(descriptor_);
    errno = why;
    fail_errno(path_, "cannot be written");
  }
}

RunLock::~RunLock() {
  std::error_code ignored;
  fs::remove(path_, ignored);
  ::close(descriptor_);
  if (made_folder_ && fs::is_empty(folder_, ignored)) fs::remove(folder_, ignored);
}

}  // namespace modr
