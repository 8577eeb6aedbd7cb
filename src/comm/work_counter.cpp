#include "comm/work_counter.hpp"

#include "base/error.hpp"

namespace modr {

WorkCounter::WorkCounter(const Communicator& comm) : backend_(comm.backend().make_counter()) {}

int64_t WorkCounter::next(int64_t taken) {
  MODR_CHECK(backend_, "WorkCounter: next() after close()");
  return backend_->next(taken);
}

void WorkCounter::close() {
  MODR_CHECK(backend_, "WorkCounter: closed twice");
  backend_->close();
  backend_.reset();
}

}  // namespace modr
