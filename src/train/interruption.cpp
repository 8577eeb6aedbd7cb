#include "train/interruption.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>

#include "base/error.hpp"
#include "kernels/api/threads.hpp"

namespace modr {

namespace {

struct NamedSignal {
  int number;
  const char* name;
};
constexpr std::array<NamedSignal, 4> stop_signals{
    {{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGHUP, "SIGHUP"}, {SIGUSR1, "SIGUSR1"}}};

// Lock-free atomics may be used in a signal's handler, which may run on any thread.
std::atomic<int> first_signal{0};
std::atomic<int64_t> ending_since_ms{0};  // of the first SIGTERM or SIGINT
std::atomic<StopSignals::Clock> clock_ms{StopSignals::monotonic_ms};
static_assert(std::atomic<int64_t>::is_always_lock_free && std::atomic<StopSignals::Clock>::is_always_lock_free);

// Only what is async-signal-safe.
void remember(int number) {
  int none = 0;
  first_signal.compare_exchange_strong(none, number);
  if (number != SIGTERM && number != SIGINT) return;
  const int64_t now_ms = clock_ms.load()();
  int64_t since_ms = 0;
  if (ending_since_ms.compare_exchange_strong(since_ms, now_ms) || now_ms - since_ms < 1000) return;
  signal(number, SIG_DFL);
  raise(number);  // takes effect when this returns
}

std::array<struct sigaction, stop_signals.size()> actions_before;

// What rank 0 says when time is nearly up; signals are larger numbers.
constexpr int64_t time_is_near = 1;
constexpr int64_t signal_unit = int64_t{1} << 32;

// The threads that compute have no stack of their own for signals: Linux gives these to the main thread, but two within
// microseconds, while that one waits, may go to two threads.
void let_workers_take(bool taken) {
  sigset_t set;
  sigemptyset(&set);
  for (const NamedSignal& each : stop_signals) sigaddset(&set, each.number);
  kernels::on_each_thread([&](bool is_main) {
    if (!is_main) pthread_sigmask(taken ? SIG_UNBLOCK : SIG_BLOCK, &set, nullptr);
  });
}

// Of the same signal on several ranks the lowest rank's is the largest.
int64_t code_of(int signal, const Communicator& comm) { return signal * signal_unit + (comm.size() - comm.rank()); }

std::string text_of(int64_t code, int ranks) {
  std::string name = "a signal";
  for (const NamedSignal& each : stop_signals)
    if (each.number == code / signal_unit) name = each.name;
  if (ranks == 1) return "interrupted by " + name;
  return fmt::format("interrupted by {} on rank {}", name, ranks - code % signal_unit);
}

}  // namespace

int64_t StopSignals::monotonic_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

StopSignals::StopSignals(Clock clock) : stack_(static_cast<std::size_t>(sysconf(_SC_SIGSTKSZ))) {
  const stack_t stack{.ss_sp = stack_.data(), .ss_flags = 0, .ss_size = stack_.size()};
  MODR_CHECK(sigaltstack(&stack, &stack_before_) == 0, "no stack of {} bytes for signals",
             stack_.size());
  let_workers_take(false);
  first_signal = 0;
  ending_since_ms = 0;
  clock_ms = clock;
  struct sigaction action {};
  action.sa_handler = remember;
  // Reads and writes under way go on. What the stack pointer points to must stay as it is: in oneDNN's sgemm that may
  // be the heap (jit_avx512_core_gemm_f32: mov rsp, ARG_WS). Linux gives signals to the main thread, which is this one.
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < stop_signals.size(); ++i) {
    const auto [number, name] = stop_signals[i];
    MODR_CHECK(sigaction(number, nullptr, &actions_before[i]) == 0, "no handler of {} to be seen", name);
    const bool outlives_terminal = number == SIGHUP && actions_before[i].sa_handler == SIG_IGN;  // nohup
    if (!outlives_terminal) MODR_CHECK(sigaction(number, &action, nullptr) == 0, "no handler for {}", name);
  }
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < stop_signals.size(); ++i) sigaction(stop_signals[i].number, &actions_before[i], nullptr);
  let_workers_take(true);
  sigaltstack(&stack_before_, nullptr);
}

int StopSignals::received() const { return first_signal; }

std::optional<std::string> Interruption::reason_to_stop(double step_s) {
  limit_.step_took(step_s);
  int64_t code = 0;
  if (const int signal = signals_.received(); signal != 0) code = code_of(signal, comm_);
  else if (comm_.is_root() && limit_.is_near(Deadline::clock::now())) code = time_is_near;
  code = comm_.all_reduced(code, ReduceOp::max);
  if (code == 0) return std::nullopt;
  return code == time_is_near ? "the time limit is near" : text_of(code, comm_.size());
}

}  // namespace modr
