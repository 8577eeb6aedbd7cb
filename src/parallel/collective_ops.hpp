#pragma once
// Collectives as ops of the tape. Every rank of the group records and runs them in the same order, in both directions:
// whether a node is recorded depends on the model's structure alone, never on how many rows a rank has.
//
//   forward                                   backward
//   exchange_rows(splits)                     exchange_rows(splits turned round)
//   Passage::dispatch                         Passage::combine with gates of 1
//   Passage::bring_home                       Passage::send_back
//   identity on replicated parameters         all_reduce (grad_reducer, once a step)
//   send of a stage's output (pipeline)       receive of its gradient
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "autograd/variable.hpp"
#include "comm/communicator.hpp"

namespace modr {

/// How many rows go to and come from each rank of a group, in rank order.
struct RowSplits {
  std::vector<int64_t> send, receive;

  RowSplits turned_round() const { return {receive, send}; }
};

/// What an exchange has moved to other ranks so far; rows that stay are not counted.
struct Traffic {
  int64_t bytes = 0;
  int64_t exchanges = 0;
};

/// The group of an exchange, and its account.
struct ExchangeGroup {
  Communicator comm;
  std::shared_ptr<Traffic> traffic = std::make_shared<Traffic>();
};

/// What an exchange is for, as ranks tell each other and as messages say it.
struct ExchangeLabel {
  std::string_view phase;   // a literal
  int64_t recurrence = -1;  // -1: ranks may stand at different ones
};

/// x [sum(send), width], rows for rank 0 first -> [sum(receive), width], rows from rank 0 first. Collective, in the
/// backward pass too. Keeps nothing.
Variable exchange_rows(const Variable& x, const RowSplits& splits, const ExchangeGroup& group,
                       const ExchangeLabel& label);

}  // namespace modr
