/* GloVe's training step as one writes it down (Pennington et al. 2014, eq. 8, with AdaGrad): doubles, one
   co-occurrence after the other, log and pow at each. It understands those arguments of the authors' program
   that glove.py gives, and reads the same records, so that either can stand on the other side. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { int center, context; double count; } Record;

static const char *option(int argc, char **argv, const char *name) {
  for (int i = 1; i + 1 < argc; i++)
    if (!strcmp(argv[i], name)) return argv[i + 1];
  fprintf(stderr, "%s is missing\n", name);
  exit(2);
}

int main(int argc, char **argv) {
  int dim = atoi(option(argc, argv, "-vector-size")), epochs = atoi(option(argc, argv, "-iter"));
  double rate = atof(option(argc, argv, "-eta")), alpha = atof(option(argc, argv, "-alpha"));
  double x_max = atof(option(argc, argv, "-x-max"));
  FILE *words = fopen(option(argc, argv, "-vocab-file"), "r");
  FILE *file = fopen(option(argc, argv, "-input-file"), "rb");
  if (!words || !file) { perror("glove"); return 2; }
  long rows = 0, row = dim + 1; /* a vector and its bias */
  for (int c; (c = getc(words)) != EOF;) rows += c == '\n';
  fseek(file, 0, SEEK_END);
  size_t count = ftell(file) / sizeof(Record);
  rewind(file);
  Record *records = malloc(count * sizeof(Record));
  if (fread(records, sizeof(Record), count, file) != count) { perror("glove"); return 2; }
  double *vectors = malloc(2 * rows * row * sizeof(double)), *squares = malloc(2 * rows * row * sizeof(double));
  for (long i = 0; i < 2 * rows * row; i++) {
    vectors[i] = (rand() / (double)RAND_MAX - 0.5) / dim;
    squares[i] = 1;
  }
  for (int epoch = 0; epoch < epochs; epoch++) {
    double cost = 0;
    for (size_t k = 0; k < count; k++) {
      double *v = vectors + (records[k].center - 1) * row, *u = vectors + (records[k].context - 1 + rows) * row;
      double *gv = squares + (v - vectors), *gu = squares + (u - vectors);
      double error = v[dim] + u[dim] - log(records[k].count);
      for (int d = 0; d < dim; d++) error += v[d] * u[d];
      double step = records[k].count > x_max ? error : pow(records[k].count / x_max, alpha) * error;
      cost += 0.5 * step * error;
      step *= rate;
      for (int d = 0; d < dim; d++) {
        double to_v = step * u[d], to_u = step * v[d];
        v[d] -= to_v / sqrt(gv[d]);
        u[d] -= to_u / sqrt(gu[d]);
        gv[d] += to_v * to_v;
        gu[d] += to_u * to_u;
      }
      v[dim] -= step / sqrt(gv[dim]);
      u[dim] -= step / sqrt(gu[dim]);
      gv[dim] += step * step;
      gu[dim] += step * step;
    }
    fprintf(stderr, "epoch %d, cost %f\n", epoch + 1, cost / count);
  }
  return 0;
}
