#include "comm/agree.hpp"

#include <fmt/format.h>

#include <exception>
#include <new>

#include "base/error.hpp"
#include "comm/comm_error.hpp"

namespace modr {

namespace {

// From best to worst; the number travels between ranks.
enum class Outcome : int64_t { ok, usage_error, error };

void agree(const Communicator& comm, Outcome outcome, std::string message) {
  const int64_t candidate = outcome == Outcome::ok ? comm.size() : comm.rank();
  const auto first = static_cast<int>(comm.all_reduced(candidate, ReduceOp::min));
  if (first == comm.size()) return;
  comm.broadcast(std::span(&outcome, 1), first);
  comm.broadcast(message, first);
  if (comm.size() > 1) message = fmt::format("rank {}: {}", first, message);
  if (outcome == Outcome::usage_error) throw UsageError(message);
  throw Error(message);
}

}  // namespace

void agree_ok(const Communicator& comm, const std::string& local_error) {
  agree(comm, local_error.empty() ? Outcome::ok : Outcome::error, local_error);
}

void run_agreed(const Communicator& comm, const std::function<void()>& work) {
  Outcome outcome = Outcome::ok;
  std::string message;
  try {
    work();
  } catch (const CommError&) {
    throw;  // the others know
  } catch (const UsageError& error) {
    outcome = Outcome::usage_error;
    message = error.what();
  } catch (const std::bad_alloc&) {
    outcome = Outcome::error;
    message = "out of memory";
  } catch (const std::exception& error) {
    outcome = Outcome::error;
    message = error.what();
  }
  // Work that threw with a Pending under way: nobody can be told, other than by the end of the job.
  if (outcome != Outcome::ok && comm.is_lost()) throw Error(message);
  agree(comm, outcome, std::move(message));
}

std::string root_decides(const Communicator& comm, const std::function<std::string()>& decide) {
  std::string text;
  run_agreed(comm, [&] {
    if (comm.is_root()) text = decide();
  });
  comm.broadcast(text, 0);
  return text;
}

}  // namespace modr
