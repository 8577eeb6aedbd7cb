#pragma once
// Whether a run goes on as the run that it was, and begins from the weights of the model that it is.
#include "checkpoint/checkpoint.hpp"
#include "config/run_config.hpp"
#include "train/train_job.hpp"

namespace modr::tools {

/// Holds a run against the checkpoint that it goes on from. Throws Error with a line for each field of `model` that has
/// changed, for another tokenizer, and, unless `accepts_changed_data`, for other rows or another way to read them; each
/// names what was and what is. Warns of a changed optimizer, schedule or type. Everything else may change.
void check_identity(const CheckpointReader& checkpoint, const RunConfig& now, const DataIdentity& data,
                    bool accepts_changed_data);

/// Holds a new run against the checkpoint whose weights it starts from (train.init_from): the backbone has to be the
/// same. Throws Error as check_identity() does; warns of other branches, depths and lengths.
void check_initial_weights(const CheckpointReader& checkpoint, const RunConfig& now);

/// Throws Error where a mode that adds branches to a backbone does not say to which.
void check_backbone_is_named(const RunConfig& config);

}  // namespace modr::tools
