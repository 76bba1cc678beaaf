#pragma once
#include <hiredis/hiredis.h>
#include <hiredis/async.h>
#include <hiredis/sds.h>
