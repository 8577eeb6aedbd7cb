// How a job ends when its last rank does not do what the others do: `job_endings CASE`. On three ranks or more; the
// time-out is 2 s. Each rank prints its process id first, so that a test can see whether it is gone.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "comm/communicator.hpp"
#include "comm/mpi_session.hpp"
#include "comm/work_counter.hpp"
#include "tools/cli/command_line.hpp"

namespace modr {
namespace {

void sleep_seconds(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

bool is_last(const Communicator& world) { return world.rank() == world.size() - 1; }

void reduce(const Communicator& comm, std::size_t count, int64_t step) {
  std::vector<float> values(count);
  comm.announce({.phase = "gradients", .step = step});
  comm.all_reduce(values);
}

void exchange(const Communicator& comm, const std::vector<int64_t>& send, const std::vector<int64_t>& receive) {
  const auto sum = [](const std::vector<int64_t>& counts) {
    return static_cast<std::size_t>(std::reduce(counts.begin(), counts.end()));
  };
  const std::vector<int32_t> from(sum(send));
  std::vector<int32_t> to(sum(receive));
  comm.announce({.phase = "dispatch", .step = 5, .recurrence = 3});
  comm.all_to_all_v(std::span<const int32_t>(from), send, std::span(to), receive);
}

std::vector<int64_t> ones(const Communicator& comm) {
  return std::vector<int64_t>(static_cast<std::size_t>(comm.size()), 1);
}

void other_operation(const Communicator& world) {
  reduce(world, 8, 4);
  if (is_last(world)) reduce(world, 4096, 5);
  else exchange(world, ones(world), ones(world));
}

void other_shape(const Communicator& world) { reduce(world, is_last(world) ? 1'000'001 : 1'000'000, 5); }

void other_step(const Communicator& world) { reduce(world, 8, is_last(world) ? 6 : 5); }

// Rank 0 sends one element more to rank 1 than that expects.
void unequal_exchange(const Communicator& world) {
  std::vector<int64_t> send = ones(world);
  if (world.is_root()) send[1] = 2;
  exchange(world, send, ones(world));
}

// Returns while the others wait: its next call is that which ends the job.
void leaves_early(const Communicator& world) {
  if (!is_last(world)) reduce(world, 8, 5);
}

void sleeps(const Communicator& world) {
  reduce(world, 8, 2);
  if (is_last(world)) {
    world.announce({.phase = "data", .step = 3});
    sleep_seconds(60);
  }
  reduce(world, 4096, 3);
}

void stops(const Communicator& world) {
  if (is_last(world)) {
    world.announce({.phase = "data", .step = 3});
    raise(SIGSTOP);
  }
  reduce(world, 4096, 3);
}

// Stops while it waits for rank 0, which comes later.
void stops_waiting(const Communicator& world) {
  const auto stop = [] {
    sleep_seconds(0.5);
    kill(getpid(), SIGSTOP);
  };
  if (is_last(world)) std::thread(stop).detach();
  if (world.is_root()) sleep_seconds(1);
  reduce(world, 8, 1);
  reduce(world, 8, 2);
}

// Rank 0 waits for rank 1, rank 1 for the last, and that for rank 0: each in another group.
void circle(const Communicator& world) {
  const int me = world.rank(), last = world.size() - 1;
  const Communicator first = world.split(me <= 1 ? 0 : 1, 0, "first");
  const Communicator second = world.split(me == 1 || me == last ? 0 : 1, 0, "second");
  const Communicator third = world.split(me == 0 || me == last ? 0 : 1, 0, "third");
  world.announce({.phase = "circle"});
  if (me == 0) first.barrier();
  else if (me == 1) second.barrier();
  else third.barrier();
}

// The root waits for a message, and another rank, in another group, for the root, which is not to blame.
void no_message(const Communicator& world) {
  const Communicator others = world.split(is_last(world) ? 1 : 0, 0, "others");
  std::vector<std::byte> bytes(100);
  if (is_last(world)) {
    world.announce({.phase = "coda", .step = 7});
    sleep_seconds(60);
  } else if (world.is_root()) {
    world.announce({.phase = "backward", .step = 7});
    world.start_receive(bytes, world.size() - 1, 3).wait();
  } else {
    others.barrier();
  }
}

void other_label(const Communicator& world) {
  std::vector<std::byte> bytes(100);
  if (is_last(world)) world.start_send(bytes, 0, 4).wait();
  if (world.is_root()) world.start_receive(bytes, world.size() - 1, 3).wait();
  world.barrier();
}

void no_end_of_work(const Communicator& world) {
  WorkCounter counter(world);
  while (counter.next() < 10) {
  }
  if (is_last(world)) sleep_seconds(60);
  counter.close();
}

// An error with an exchange under way: what is told is the error.
void throws_in_exchange(const Communicator& world) {
  const std::vector<int32_t> from(static_cast<std::size_t>(world.size()));
  std::vector<int32_t> to(from.size());
  const Pending pending =
      world.start_all_to_all_v(std::span<const int32_t>(from), ones(world), std::span(to), ones(world));
  if (is_last(world)) fail("loss is nan");
  world.barrier();
}

void throws(const Communicator& world) {
  if (is_last(world)) fail("the last rank gives up");
  world.barrier();
}

const std::map<std::string, std::function<void(const Communicator&)>> cases{
    {"finish", [](const Communicator& world) { world.barrier(); }},
    {"throw", throws},
    {"throw_in_exchange", throws_in_exchange},
    {"other_operation", other_operation},
    {"other_shape", other_shape},
    {"other_step", other_step},
    {"unequal_exchange", unequal_exchange},
    {"leaves_early", leaves_early},
    {"sleeps", sleeps},
    {"stops", stops},
    {"stops_waiting", stops_waiting},
    {"circle", circle},
    {"no_message", no_message},
    {"other_label", other_label},
    {"no_end_of_work", no_end_of_work},
};

void print_pid() {
  fmt::print("pid {}\n", getpid());
  std::fflush(stdout);
}

int run(const std::string& name, const Communicator& world) {
  print_pid();
  world.set_timeout(2);
  cases.at(name)(world);
  return 0;
}

// The last rank ends the job from outside the library.
int abort_job() {
  const MpiSession session;
  print_pid();
  session.world().barrier();
  if (is_last(session.world())) session.abort(7);
  session.world().barrier();
  return 0;
}

}  // namespace
}  // namespace modr

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "finish";
  if (name == "abort") return modr::abort_job();
  return modr::tools::run_on_ranks("job_endings",
                                   [&](const modr::Communicator& world) { return modr::run(name, world); });
}
