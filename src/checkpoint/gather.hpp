#pragma once
#include <string>
#include <utility>
#include <vector>

#include "comm/communicator.hpp"
#include "tensor/tensor_part.hpp"

namespace modr {

/// Brings tensors together that lie spread over ranks. `mine` are the parts that this rank answers for; over all ranks
/// they have every row of every tensor once. Returns the whole tensors on rank 0, in the order of their names, and
/// nothing on the others. Collective. Rank 0's own whole tensors are not copied. Throws Error on all ranks when rows
/// are missing or given twice.
std::vector<std::pair<std::string, Tensor>> gather_parts(const Communicator& comm,
                                                         const std::vector<TensorPart>& mine);

}  // namespace modr
