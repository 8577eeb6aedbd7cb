// modr bench checkpoint: how fast checkpoints are written and read, against dd over as many bytes in the same run.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "checkpoint/checkpoint_save.hpp"
#include "comm/agree.hpp"
#include "tools/bench/bench.hpp"
#include "tools/bench/options.hpp"
#include "tools/bench/table.hpp"
#include "tools/bench/timing.hpp"
#include "tools/cli/command_line.hpp"

extern char** environ;

namespace modr::tools {

namespace fs = std::filesystem;
namespace po = boost::program_options;

namespace {

struct CheckpointBench {
  int64_t mib = 2048, repeats = 6;
  std::string folder = ".";
  BenchFormat format = BenchFormat::text;
};

std::optional<CheckpointBench> parse_request(int argc, char** argv) {
  CheckpointBench request;
  BenchFormatOptions format;
  CommandLine line("bench checkpoint", "[options]",
                   "Measures how fast the ranks of the job write one checkpoint together and read it back, each its\n"
                   "own part, against dd over as many bytes (conv=fsync), the one first and then the other in turn.\n"
                   "Both write new files; what was there before is gone from the disk. Files are out of the system's\n"
                   "cache before they are read. Tables go to stdout, progress to stderr; medians are printed.");
  auto add = line.option();
  add("mib", positive_value("mib", request.mib), "MiB of values");
  add("folder", po::value(&request.folder)->default_value(request.folder)->value_name("DIR"),
      "where to write: it needs room for twice as much; nothing is left there");
  add("repeats", positive_value("repeats", request.repeats), "measurements of each");
  format.add_to(line);
  if (!line.parse(argc, argv)) return std::nullopt;
  request.format = format.chosen();
  return request;
}

void run_dd(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "dd");
  arguments.emplace_back("status=none");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  int status = -1;
  if (posix_spawnp(&child, "dd", nullptr, nullptr, argv.data(), environ) != 0 || waitpid(child, &status, 0) != child ||
      status != 0)
    fail("dd failed: is it installed, and is there room in the folder?");
}

// What is on the disk already leaves the system's cache.
void forget(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  ::close(descriptor);
}

// Tensors of 32 MiB, which all ranks hold, with values that differ from each other.
std::vector<CheckpointTensor> make_tensors(const Communicator& world, int64_t mib) {
  constexpr int64_t rows = 4096, columns = 2048;
  std::vector<CheckpointTensor> tensors;
  for (int64_t i = 0; i < std::max<int64_t>(mib / 32, 1); ++i) {
    const Tensor values = Tensor::empty({rows, columns}, DType::f32);
    float next = static_cast<float>(i);
    for (float& value : values.span<float>()) value = next += 0.5F;
    tensors.push_back({{fmt::format("weights/w{:04}", i), values}, true, world});
  }
  return tensors;
}

// The four measured things, on the files of one folder.
class CheckpointCases {
 public:
  CheckpointCases(const Communicator& world, const CheckpointBench& request)
      : world_(world), tensors_(make_tensors(world, request.mib)),
        file_(fs::path(request.folder) / "modr_bench_checkpoint.h5"),
        plain_(fs::path(request.folder) / "modr_bench_checkpoint.dd"), num_mib_(std::ssize(tensors_) * 32) {}
  ~CheckpointCases() {
    std::error_code ignored;
    if (!world_.is_root()) return;
    fs::remove(file_, ignored);
    fs::remove(plain_, ignored);
  }
  CheckpointCases(const CheckpointCases&) = delete;
  CheckpointCases& operator=(const CheckpointCases&) = delete;

  void write() {
    CheckpointSave(world_, file_, {}, tensors_).run();
  }
  void write_plain() {
    run_agreed(world_, [&] {
      if (world_.is_root())
        run_dd({"if=/dev/zero", "of=" + plain_.string(), "bs=1M", fmt::format("count={}", num_mib_), "conv=fsync"});
    });
  }
  void read() {
    run_agreed(world_, [&] {
      const CheckpointReader reader(file_);
      for (std::size_t i = static_cast<std::size_t>(world_.rank()); i < tensors_.size();
           i += static_cast<std::size_t>(world_.size()))
        reader.read_weight(reader.weight_names().at(i), DType::f32);
    });
  }
  void read_plain() {
    run_agreed(world_, [&] {
      if (world_.is_root()) run_dd({"if=" + plain_.string(), "of=/dev/null", "bs=1M"});
    });
  }
  // The next writes are of new files: a file system that tells its disk about removed ones does so now.
  void remove_files() {
    run_agreed(world_, [&] {
      if (!world_.is_root()) return;
      std::error_code ignored;
      fs::remove(file_, ignored);
      fs::remove(plain_, ignored);
      ::sync();
    });
  }
  void forget_files() {
    forget(file_);
    forget(plain_);
  }
  int64_t mib() const { return num_mib_; }

 private:
  const Communicator& world_;
  std::vector<CheckpointTensor> tensors_;
  fs::path file_, plain_;
  int64_t num_mib_;
};

double seconds_of(const Communicator& world, const std::function<void()>& work) {
  world.barrier();
  const Stopwatch watch;
  work();
  return world.all_reduced(watch.seconds(), ReduceOp::max);
}

std::vector<BenchValue> row_of(const char* what, int64_t mib, const std::vector<double>& ours,
                               const std::vector<double>& plain) {
  const auto rate = [&](const std::vector<double>& seconds) { return static_cast<double>(mib) / median(seconds); };
  return {std::string(what), median(ours), rate(ours), median(plain), rate(plain), median_ratio(plain, ours)};
}

int bench_on(const Communicator& world, const CheckpointBench& request) {
  CheckpointCases cases(world, request);
  std::vector<double> write, write_plain, read, read_plain;
  const auto measure = [&](std::vector<double>& seconds, const std::function<void()>& work) {
    cases.forget_files();
    seconds.push_back(seconds_of(world, work));
  };
  for (int64_t i = 0; i < request.repeats; ++i) {
    cases.remove_files();
    const bool plain_first = i % 2 == 0;
    if (plain_first) measure(write_plain, [&] { cases.write_plain(); });
    measure(write, [&] { cases.write(); });
    if (!plain_first) measure(write_plain, [&] { cases.write_plain(); });
    if (plain_first) measure(read_plain, [&] { cases.read_plain(); });
    measure(read, [&] { cases.read(); });
    if (!plain_first) measure(read_plain, [&] { cases.read_plain(); });
    log("round {}: written in {:.2f} s (dd {:.2f} s), read in {:.2f} s (dd {:.2f} s)", i + 1, write.back(),
        write_plain.back(), read.back(), read_plain.back());
  }
  const BenchTable table{"checkpoint",
                         "Checkpoints",
                         fmt::format("{} MiB by {} rank(s); dd writes zeros with conv=fsync", cases.mib(), world.size()),
                         {{"what", "case"},
                          {"modr_s", "modr, s"},
                          {"modr_mib_per_s", "MiB/s"},
                          {"dd_s", "dd, s"},
                          {"dd_mib_per_s", "MiB/s"},
                          {"ratio", "of dd's rate"}},
                         {row_of("write", cases.mib(), write, write_plain),
                          row_of("read", cases.mib(), read, read_plain)}};
  if (world.is_root())
    fmt::print("{}", format_tables({{"benchmark", "checkpoint"}, {"ranks", int64_t{world.size()}}}, {table},
                                   request.format));
  return 0;
}

}  // namespace

int run_bench_checkpoint(int argc, char** argv) {
  const auto request = parse_request(argc, argv);
  if (!request) return 0;
  return run_on_ranks("modr bench", [&](const Communicator& world) { return bench_on(world, *request); });
}

}  // namespace modr::tools
