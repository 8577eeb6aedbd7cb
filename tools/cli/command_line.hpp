#pragma once
// What all subcommands share: options, --help and --version, and how a failure is told.
#include <boost/program_options.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "comm/communicator.hpp"

namespace modr::tools {

/// The command line of one subcommand.
///
///   CommandLine line("diff", "A B", "Prints how two checkpoints differ.");
///   line.option()("digest", po::bool_switch(&digest), "compare hashes only");
///   line.positional(files, 2, 2, "the two files A and B");
///   if (!line.parse(argc, argv)) return 0;
class CommandLine {
 public:
  /// `usage` is what stands behind "usage: modr <name>", `about` the text of --help above the options.
  CommandLine(std::string name, std::string usage, std::string about);
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// Adds options, as boost::program_options does it.
  boost::program_options::options_description_easy_init option() { return options_.add_options(); }
  /// Arguments without a name: at least `min`, at most `max`; without this call none. `what` says in messages what is
  /// expected.
  void positional(std::vector<std::string>& values, std::size_t min, std::size_t max, std::string what);
  /// Fills the bound variables. False when --help or --version was asked for, and has been printed. Throws UsageError.
  bool parse(int argc, char** argv);
  /// Whether an option was given, rather than left at its default.
  bool given(const char* option) const { return values_.count(option) > 0 && !values_[option].defaulted(); }

 private:
  void store(int argc, char** argv);

  std::string name_, usage_, about_;
  boost::program_options::options_description options_;
  boost::program_options::variables_map values_;
  std::vector<std::string> no_arguments_;
  std::vector<std::string>* positional_ = &no_arguments_;
  std::size_t min_positional_ = 0, max_positional_ = 0;
  std::string positional_what_;
};

/// An option's value that is a whole number from 0; the value before is its default.
boost::program_options::value_semantic* unsigned_value(const std::string& option, uint64_t& value);

/// The result of `parse()`, whose Error becomes a UsageError that names the option.
template <typename Parse>
auto parse_option(const std::string& option, Parse&& parse) {
  try {
    return parse();
  } catch (const Error& error) {
    throw UsageError(fmt::format("--{}: {}", option, error.what()));
  }
}

/// One line about the exception that is being handled, and the exit code it stands for. Empty when there is nothing to
/// say: whoever read stdout has gone, as in `modr ... | head`.
struct Failure {
  std::string text;
  int code;
};
/// To be called in a catch block. `program` is "modr" or "modr <command>". The code is 2 for a UsageError, whose text
/// gets a hint to --help, and 1 for all else (see exit_code).
Failure current_failure(const std::string& program);

/// Opens on /dev/null what is closed of stdin, stdout and stderr, before anything else is opened, which would take
/// their places and what is written to them. Results that go to a closed stdout still fail. Writing where nobody reads
/// any more is an error from then on, rather than the end of the process.
void open_standard_streams();

/// Brings all data to stdout. Throws Error when some did not get through (a full disk, say).
void flush_stdout();

/// Runs `program`'s work on every rank of the job and returns its exit code, when all ranks are through. When a rank
/// throws, its failure is printed with the rank and the whole job ends with its code; when ranks lose each other
/// (CommError), one of them says so and the job ends with exit_code::ranks_lost.
int run_on_ranks(const std::string& program, const std::function<int(const Communicator& world)>& work);

}  // namespace modr::tools
