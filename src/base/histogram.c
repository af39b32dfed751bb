#include "leadrelay/histogram.h"

void histogram_add(struct histogram *histogram, double value)
{
	size_t i = 0;

	while (i < histogram->bound_count && value > histogram->bounds[i])
		i++;
	histogram->counts[i]++;
	histogram->sum += value;
}

uint64_t histogram_count(const struct histogram *histogram)
{
	uint64_t count = 0;

	for (size_t i = 0; i <= histogram->bound_count; i++)
		count += histogram->counts[i];
	return count;
}
