# Record rms::validate of a logistic model on resamples that are recorded with it.
# Run in this folder: Rscript optimism.R
# validate draws nothing but sample(n, replace = TRUE), once a resample and in this order
# (rms:::predab.resample), so the same seed gives its resamples; the last line checks that the
# optimism worked out from them by hand is the one validate reports.
suppressMessages(library(rms))
set.seed(7)
n <- 80; B <- 40; seed <- 11
X <- round(cbind(a = rnorm(n), b = rnorm(n), c = rnorm(n)), 6)
y <- rbinom(n, 1, plogis(-0.2 + 0.9 * X[, 1] - 0.4 * X[, 2]))
men <- data.frame(X, y)
fit <- lrm(y ~ a + b + c, data = men, x = TRUE, y = TRUE, tol = 1e-14, eps = 1e-12)
set.seed(seed)
told <- validate(fit, B = B)
set.seed(seed)
resamples <- t(replicate(B, sample(n, replace = TRUE)))

by_hand <- sapply(seq_len(B), function(i) {
  again <- lrm(y ~ a + b + c, data = men[resamples[i, ], ])
  p <- predict(again, men, type = "fitted"); own <- p[resamples[i, ]]
  c(Dxy = somers2(own, y[resamples[i, ]])[["Dxy"]] - somers2(p, y)[["Dxy"]],
    B = mean((own - y[resamples[i, ]])^2) - mean((p - y)^2))
})
stopifnot(abs(rowMeans(by_hand) - told[c("Dxy", "B"), "optimism"]) < 1e-6)

table <- unclass(told)
rows <- c("Dxy", "Intercept", "Slope", "B")
record <- list(X = unname(X), y = y, resamples = resamples - 1L,
               validate = lapply(setNames(rows, rows), function(r) as.list(table[r, 1:5])),
               versions = list(R = R.version.string, rms = as.character(packageVersion("rms"))))
writeLines(jsonlite::toJSON(record, digits = NA, auto_unbox = TRUE), "optimism.json")
