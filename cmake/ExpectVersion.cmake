# modr_expect_version(NAME FOUND LEAST BELOW [HINT]): ends with one line unless LEAST <= FOUND < BELOW. For packages that
# cannot be asked for such a range themselves.
function(modr_expect_version name found least below)
  if(found VERSION_LESS least OR found VERSION_GREATER_EQUAL below)
    message(FATAL_ERROR "${name}: expected version ${least} or later, below ${below}; found ${found}${ARGN}")
  endif()
endfunction()
