"""Commands that bring uploads back: dead letters, rejections, resubmission."""
