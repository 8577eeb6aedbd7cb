// How a job ends when its last rank does: `job_endings finish | abort | throw`. The other ranks wait in a barrier that
// the last one never enters; they must not stay there.
#include <fmt/format.h>

#include <stdexcept>
#include <string>

#include "comm/mpi_session.hpp"

namespace {

void run(const std::string& ending) {
  const modr::MpiSession session;
  const modr::Communicator& world = session.world();
  if (world.rank() == world.size() - 1) {
    if (ending == "abort") session.abort(7);
    if (ending == "throw") throw std::runtime_error("the last rank gives up");
  }
  world.barrier();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc > 1 ? argv[1] : "finish");
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 3;
  }
}
