// modr: finds the subcommand, runs it, and is the one place where a failure becomes a line of text and an exit code.
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/nearest_name.hpp"
#include "comm/launcher.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"

namespace modr::tools {

namespace {

struct Command {
  const char* name;
  const char* summary;
  int (*run)(int argc, char** argv);
};

constexpr Command kCommands[] = {
    {"train", "train what a run file describes, on all ranks", run_train},
    {"eval", "score checkpoints on tasks, on all ranks", run_eval},
    {"generate", "continue a prompt with a trained model", run_generate},
    {"inspect", "show what a checkpoint holds", run_inspect},
    {"diff", "show how two checkpoints differ", run_diff},
    {"verify", "run a golden file's model and compare every number", run_verify},
    {"tokenize", "text to token ids and back", run_tokenize},
    {"plan", "predict the memory that a run will take", run_plan},
    {"bench", "measure on this machine, see `modr bench --help`", run_bench},
    {"make-data", "generate word problems to train and test on", run_make_data},
};

std::string usage() {
  std::string text = "usage: modr COMMAND [ARGUMENTS...]\n\ncommands:\n";
  for (const Command& command : kCommands) text += fmt::format("  {:<10} {}\n", command.name, command.summary);
  return text + "\n`modr COMMAND --help` tells more. Exit codes: 0 done, 1 failed, 2 wrong use,\n"
                "3 ranks lost each other, 4 interrupted: all is saved and can be continued.";
}

const Command& find_command(const std::string& name) {
  std::vector<std::string> names;
  for (const Command& command : kCommands) {
    if (command.name == name) return command;
    names.emplace_back(command.name);
  }
  throw UsageError(fmt::format("unknown command '{}'{}", name, did_you_mean(name, names)));
}

int run(int argc, char** argv) {
  if (argc < 2) {
    say(usage());
    return exit_code::wrong_use;
  }
  const std::string name = argv[1];
  int code = 0;
  if (name == "--help" || name == "-h") {
    fmt::print("{}\n", usage());
  } else if (name == "--version") {
    fmt::print("modr {}\n", MODR_VERSION);
  } else {
    code = find_command(name).run(argc - 1, argv + 1);
  }
  if (code == exit_code::ok) flush_stdout();
  return code;
}

// "modr inspect" once that is known to be a command's name.
std::string program_name(int argc, char** argv) {
  const auto is_named = [&](const Command& command) { return argc > 1 && std::strcmp(command.name, argv[1]) == 0; };
  const bool known = std::any_of(std::begin(kCommands), std::end(kCommands), is_named);
  return known ? fmt::format("modr {}", argv[1]) : "modr";
}

// For launch/local, which has to know whether modr came to its end where an mpirun says nothing of a host that it lost.
void leave_mark(const char* what) {
  if (const char* file = std::getenv("MODR_END_FILE")) std::ofstream(std::string(file) + what);
}

// Whether SIGHUP was ignored (nohup) when the process began. UCX, which an MPI may load, makes it its debugger's in a
// constructor; only what stands in .preinit_array comes before those. (By the system call: a sanitizer's sigaction is not
// ready then. The kernel's structure begins with the handler.)
bool hangup_was_ignored = false;
void look_at_hangup() {
  std::array<std::uintptr_t, 8> action{};
  constexpr std::size_t mask_bytes = 8;
  if (syscall(SYS_rt_sigaction, SIGHUP, nullptr, action.data(), mask_bytes) == 0)
    hangup_was_ignored = action[0] == reinterpret_cast<std::uintptr_t>(SIG_IGN);
}
[[gnu::section(".preinit_array"), gnu::used]] void (*const before_libraries)() = look_at_hangup;

}  // namespace

}  // namespace modr::tools

int main(int argc, char** argv) {
  modr::tools::open_standard_streams();
  std::signal(SIGHUP, modr::tools::hangup_was_ignored ? SIG_IGN : SIG_DFL);
  std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is then an error of the write, told like a full disk
  modr::tools::leave_mark(".begun");
  try {
    const int code = modr::tools::run(argc, argv);
    modr::tools::leave_mark(".ended");
    return code;
  } catch (...) {
    modr::tools::leave_mark(".ended");
    const std::string program = modr::tools::program_name(argc, argv);
    const modr::tools::Failure failure = modr::tools::current_failure(program);
    // Wrong use is the same on every rank of a job: one of them says it.
    const bool said_by_another = failure.code == modr::exit_code::wrong_use && modr::launched_rank() > 0;
    if (!said_by_another && !failure.text.empty()) modr::say(fmt::format("{}: {}", program, failure.text));
    return failure.code;
  }
}
