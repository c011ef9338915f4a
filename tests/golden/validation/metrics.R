# Record what rms::val.prob, stats::glm, stats::lowess and pROC say of predictions.json.
# Run in this folder: Rscript metrics.R
# Debian 12: apt-get install r-base-core r-cran-rms r-cran-proc r-cran-jsonlite
suppressMessages({library(rms); library(pROC)})
sets <- jsonlite::fromJSON("predictions.json")
told <- lapply(sets, function(men) {
  y <- men$y; p <- men$p; lp <- qlogis(p)
  v <- val.prob(p, y, pl = FALSE)
  large <- glm(y ~ offset(lp), family = binomial, control = list(epsilon = 1e-14))
  recal <- glm(y ~ lp, family = binomial, control = list(epsilon = 1e-14))
  # The slopes that a likelihood-ratio test at 90 % does not reject, by root finding.
  deviance_at <- function(b)
    glm(y ~ offset(b * lp), family = binomial, control = list(epsilon = 1e-14))$deviance
  over <- function(b) deviance_at(b) - recal$deviance - qchisq(0.9, 1)
  b <- unname(coef(recal)[2]); se <- sqrt(vcov(recal)[2, 2])
  profile <- c(uniroot(over, c(b - 6 * se, b), tol = 1e-10)$root,
               uniroot(over, c(b, b + 6 * se), tol = 1e-10)$root)
  smooth <- lowess(p, y, iter = 0)
  curve <- function(men, response) as.numeric(ci.auc(
    roc(men, response, levels = c(0, 1), direction = "<", quiet = TRUE),
    conf.level = 0.9, method = "delong"))
  delong <- curve(y, p)
  list(brier = v[["Brier"]], eavg = v[["Eavg"]], e90 = v[["E90"]], emax = v[["Emax"]],
       slope = b, slope_val_prob = v[["Slope"]], slope_interval = profile,
       intercept = unname(coef(large)),
       e50 = unname(median(abs(p - approx(smooth, xout = p, ties = mean)$y))),
       auc_delong = delong, lowess_x = smooth$x, lowess_y = smooth$y)
})
told$versions <- list(R = R.version.string, rms = as.character(packageVersion("rms")),
                      pROC = as.character(packageVersion("pROC")))
writeLines(jsonlite::toJSON(told, digits = NA, auto_unbox = TRUE), "metrics.json")
