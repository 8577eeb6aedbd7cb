#pragma once

namespace modr::emulated {

/// How long an operation of the emulated NCCL waits for a rank that does not take part, where NCCL would hang, before
/// it is an Error: 300 s at first. For what begins from here on.
void set_nccl_patience(double seconds);
double nccl_patience();

}  // namespace modr::emulated
