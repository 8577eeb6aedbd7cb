#include "tools/cli/command_line.hpp"

#include <fcntl.h>
#include <fmt/ostream.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <iostream>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/nearest_name.hpp"
#include "base/printable.hpp"
#include "comm/comm_error.hpp"
#include "comm/mpi_session.hpp"
#include "tools/cli/threads.hpp"

namespace modr::tools {

namespace po = boost::program_options;

namespace {

constexpr unsigned help_width = 110;

}  // namespace

CommandLine::CommandLine(std::string name, std::string usage, std::string about)
    : name_(std::move(name)), usage_(std::move(usage)), about_(std::move(about)), options_("options", help_width) {
  option()("help,h", "print this and exit")("version", "print the version and exit");
}

void CommandLine::positional(std::vector<std::string>& values, std::size_t min, std::size_t max, std::string what) {
  positional_ = &values;
  min_positional_ = min;
  max_positional_ = max;
  positional_what_ = std::move(what);
}

// Whole names of options only: a script that abbreviates one would break with the next that is added.
void CommandLine::store(int argc, char** argv) {
  po::options_description all;
  po::positional_options_description positions;
  all.add(options_);
  all.add_options()("<positional>", po::value(positional_));
  positions.add("<positional>", -1);
  const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  po::store(po::command_line_parser(argc, argv).options(all).positional(positions).style(style).run(), values_);
  if (values_.count("help") == 0 && values_.count("version") == 0) po::notify(values_);
}

bool CommandLine::parse(int argc, char** argv) {
  try {
    store(argc, argv);
  } catch (const po::unknown_option& error) {
    std::vector<std::string> names;
    for (const auto& option : options_.options()) names.push_back("--" + option->long_name());
    throw UsageError(error.what() + did_you_mean(error.get_option_name(), names));
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }
  if (values_.count("help") > 0) {
    fmt::print(std::cout, "usage: modr {} {}\n{}\n\n{}", name_, usage_, about_, fmt::streamed(options_));
    return false;
  }
  if (values_.count("version") > 0) {
    fmt::print(std::cout, "modr {}\n", MODR_VERSION);
    return false;
  }
  const std::size_t count = positional_->size();
  if (max_positional_ == 0 && count > 0) throw UsageError(fmt::format("unexpected argument '{}'", (*positional_)[0]));
  if (count < min_positional_ || count > max_positional_) {
    throw UsageError(fmt::format("expected {}, found {}", positional_what_, count));
  }
  return true;
}

po::value_semantic* unsigned_value(const std::string& option, uint64_t& value) {
  const auto parse = [option, &value](const std::string& text) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return;
    throw UsageError(fmt::format("--{}: expected a whole number from 0, found '{}'", option, text));
  };
  return po::value<std::string>()->value_name("N")->default_value(std::to_string(value))->notifier(parse);
}

namespace {

bool has_stdout_failed() { return std::ferror(stdout) != 0 || !std::cout; }

bool has_stdouts_reader_gone() {
  pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  return poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

}  // namespace

void open_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) >= 0) continue;
    // The lowest that is free is this one. What is only read cannot be written.
    open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

void flush_stdout() {
  std::cout.flush();
  if (std::fflush(stdout) != 0 || has_stdout_failed()) fail("cannot write to stdout: {}", std::strerror(errno));
}

Failure current_failure(const std::string& program) {
  if (has_stdout_failed() && has_stdouts_reader_gone()) return {"", exit_code::failed};
  try {
    throw;
  } catch (const UsageError& error) {
    return {printable(fmt::format("{} (see {} --help)", error.what(), program)), exit_code::wrong_use};
  } catch (const Error& error) {
    return {printable(error.what()), exit_code::failed};
  } catch (const std::bad_alloc&) {
    return {"out of memory", exit_code::failed};
  } catch (const std::system_error& error) {
    if (has_stdout_failed())
      return {fmt::format("cannot write to stdout: {}", error.code().message()), exit_code::failed};
    return {printable(fmt::format("unexpected failure: {}", error.what())), exit_code::failed};
  } catch (const std::exception& error) {
    return {printable(fmt::format("unexpected failure: {}", error.what())), exit_code::failed};
  }
}

namespace {

// One rank tells what happened to all. The others leave it the time to do so; that they end the job themselves is for
// the case that it cannot.
[[noreturn]] void end_lost_job(const std::string& program, const CommError& error, const MpiSession& session) {
  if (error.speaks()) say(fmt::format("{}: {}", program, printable(error.what())));
  else std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  // launch/local's: it ends an mpirun that waits for a host out of reach.
  if (const char* file = std::getenv("MODR_END_FILE")) std::ofstream(file) << int{exit_code::ranks_lost} << '\n';
  session.abort(exit_code::ranks_lost);
}

}  // namespace

int run_on_ranks(const std::string& program, const std::function<int(const Communicator& world)>& work) {
  const MpiSession session;
  const Communicator& world = session.world();
  set_log_rank(world.rank(), world.size());
  use_fair_threads();
  if (world.size() == 1) return work(world);
  try {
    const int code = work(world);
    session.finish();
    return code;
  } catch (const CommError& error) {
    end_lost_job(program, error, session);
  } catch (...) {
    const Failure failure = current_failure(program);
    // What all ranks agreed on fails everywhere: rank 0 says so, and has ended the job before the others speak up.
    if (!world.is_root()) std::this_thread::sleep_for(std::chrono::seconds(1));
    const bool names_rank = failure.text.starts_with("rank ");
    if (!failure.text.empty())
      say(fmt::format("{}: {}{}", program, names_rank ? "" : fmt::format("rank {}: ", world.rank()), failure.text));
    session.abort(failure.code);
  }
}

}  // namespace modr::tools
