"""Table 1 of the paper: what our own table stands beside.

An FID is (mean, standard deviation over 10 trials), one for each of `recipes.PAPER_DATASETS`; None
where no deviation is given. Sources: [Table 1] of the paper, [camera-ready] rows that only its
published version has, [D] appendix D.
"""

FID = {
    "VAE (fixed γ)": ((52.0, 0.6), (84.6, 0.9), (160.5, 1.1), (55.9, 0.6)),  # [Table 1]
    "VAE (learned γ)": ((54.5, 1.0), (60.0, 1.1), (76.7, 0.8), (60.5, 0.6)),  # [Table 1]
    "2-Stage VAE": ((12.6, 1.5), (29.3, 1.0), (72.9, 0.9), (44.4, 0.7)),  # [Table 1]
    "VAE (cross-entropy)": ((16.6, 0.4), (43.6, 0.7), (106.0, 1.0), (53.3, 0.6)),  # [camera-ready]
}
# Models of others, as the paper cites them.
CITED = {
    "MM GAN, tuned": ((9.8, 0.9), (29.6, 1.6), (72.7, 3.6), (65.6, 4.2)),  # [Table 1]
    "NS GAN, tuned": ((6.8, 0.5), (26.5, 1.6), (58.5, 1.9), (55.0, 3.3)),  # [Table 1]
    "LSGAN, tuned": ((7.8, 0.6), (30.7, 2.2), (87.1, 47.5), (53.9, 2.8)),  # [Table 1]
    "WGAN, tuned": ((6.7, 0.4), (21.5, 1.6), (55.2, 2.3), (41.3, 2.0)),  # [Table 1]
    "WGAN GP, tuned": ((20.3, 5.0), (24.5, 2.1), (55.8, 0.9), (30.3, 1.0)),  # [Table 1]
    "DRAGAN, tuned": ((7.6, 0.4), (27.7, 1.2), (69.8, 2.0), (42.3, 3.0)),  # [Table 1]
    "BEGAN, tuned": ((13.1, 1.0), (22.9, 0.9), (71.4, 1.6), (38.9, 0.9)),  # [Table 1]
    "Best GAN, default": ((10, None), (32, None), (70, None), (49, None)),  # [Table 1]
    "VAE + Flow": ((54.8, 2.8), (62.1, 1.6), (81.2, 2.0), (65.7, 2.8)),  # [camera-ready]
    "WAE-MMD": ((115.0, 1.1), (101.7, 0.8), (80.9, 0.4), (62.9, 0.8)),  # [camera-ready]
}
# What makes an FID comparable with these: recipe, network, and all training images.
RECIPES = ("paper", "official_code", "suggested")
NETWORK = "infogan"  # [D]
TRAIN_IMAGES = {"mnist": 60_000, "fashion_mnist": 60_000, "cifar10": 50_000, "celeba": 162_770}
