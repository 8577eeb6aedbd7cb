#pragma once
// Whether a run goes on as the run that it was, and begins from the weights of the model that it is.
#include "checkpoint/checkpoint.hpp"
#include "config/run_config.hpp"
#include "train/train_job.hpp"

namespace modr::tools {

/// Holds a run against the checkpoint that it goes on from. Warns, in a line each with what was and what is, of changes
/// in `model`, tokenizer, rows and how they are read, optimizer, schedule and type; everything else may change. Throws
/// Error where it was `model` or the tokenizer, or, unless `accepts_changed_data`, the data.
void check_identity(const CheckpointReader& checkpoint, const RunConfig& now, const DataIdentity& data,
                    bool accepts_changed_data);

/// Holds a new run against the checkpoint whose weights it starts from (train.init_from): the backbone has to be the
/// same. Throws Error as check_identity() does; warns of other branches, depths and lengths.
void check_initial_weights(const CheckpointReader& checkpoint, const RunConfig& now);

/// Throws Error where a mode that adds branches to a backbone does not say to which.
void check_backbone_is_named(const RunConfig& config);

}  // namespace modr::tools
