#pragma once
#include "nn/parameter.hpp"

namespace modr {

/// Euclidean norm over the gradients of all trainable parameters taken as one vector, summed in double in the order
/// of the list. Parameters that are frozen or have no gradient yet count as zeros.
double grad_norm(const ParameterList& parameters);

/// Scales all gradients by max_norm / norm when `norm`, theirs over all ranks, is larger than `max_norm`; 0 switches
/// clipping off. A norm that is not finite leaves them as they are.
void clip_gradients(const ParameterList& parameters, double norm, double max_norm);

}  // namespace modr
