#pragma once
#include "model/generate.hpp"

namespace modr {

/// Self-speculative decoding (Geiping et al. 2025; MODEL.md, "Decoding"): the model drafts options.draft->tokens words
/// with few recurrences each, then one forward pass with all recurrences checks them together; the words up to the
/// first difference are kept, and the pass's own word after them. Words that are checked together are routed as decoding
/// routes new ones, each by itself. The text is that of plain greedy decoding, in fewer passes with all recurrences.
/// Throws Error where it could not be (decodes_together(): caches that share slots between recurrences, several choices a
/// unit), or together with early exit or continuous compute.
Generation generate_speculatively(const ModrModel& model, const Prompt& prompt, const GenerateOptions& options,
                                  const GenerateObserver& observer = {});

}  // namespace modr
